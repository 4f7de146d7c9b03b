"""boto3 on X-Ray's REST API, as far as it writes and configures: prints one JSON object with every answer.

  python xray_api.py http://127.0.0.1:2000
"""
import json
import sys
import time

import boto3

client = boto3.client("xray", endpoint_url=sys.argv[1], region_name="us-east-1",
                      aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
now = time.time()
segment = {"id": "8b0d9d4984d77e6b", "trace_id": f"1-{int(now):08x}-72b8840b4ffa1947fa5e8df6", "name": "boto3-probe",
           "start_time": now - 1, "end_time": now, "annotations": {"k": "v"},
           "subsegments": [{"id": "8b0d9d4984d77e6c", "name": "DynamoDB", "namespace": "aws", "start_time": now - 0.9, "end_time": now - 0.5,
                            "aws": {"operation": "GetItem", "table_name": "carts"}}]}
nameless = {**segment, "id": "8b0d9d4984d77e6d", "name": None, "subsegments": []}
of_1998 = {**segment, "id": "8b0d9d4984d77e6e", "start_time": 9e8, "end_time": 9e8 + 1, "subsegments": []}
report = {"RuleName": "Default", "ClientID": "a" * 24, "Timestamp": now, "RequestCount": 10, "SampledCount": 2, "BorrowCount": 1}
telemetry = {"Timestamp": now, "SegmentsReceivedCount": 1, "SegmentsSentCount": 1, "BackendConnectionErrors": {"TimeoutCount": 0}}

answers = {
    "put": client.put_trace_segments(TraceSegmentDocuments=[json.dumps(segment), json.dumps(nameless), json.dumps(of_1998), "{"]),
    "telemetry": client.put_telemetry_records(TelemetryRecords=[telemetry]),
    "rules": client.get_sampling_rules(),
    "targets": client.get_sampling_targets(SamplingStatisticsDocuments=[report]),
    "statistics": client.get_sampling_statistic_summaries(),
    "encryption": client.get_encryption_config(),
    "groups": client.get_groups(),
    "trace_id": segment["trace_id"],
}
try:
    client.put_encryption_config(Type="NONE")
except client.exceptions.ClientError as error:
    answers["unknown"] = error.response["Error"]
print(json.dumps(answers, default=str))
