"""boto3 on what X-Ray's REST API reads. Standard input says what to put and ask, standard output has the answers.

  python xray_read.py http://127.0.0.1:2000 < '{"put": [documents], "filters": [texts], "ids": [trace ids], "start": s, "end": s}'
"""
import json
import sys

import boto3

client = boto3.client("xray", endpoint_url=sys.argv[1], region_name="us-east-1",
                      aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
asked = json.load(sys.stdin)
between = {"StartTime": asked["start"], "EndTime": asked["end"]}


def refused(call, **parameters):
    """The error that a call answers with."""
    try:
        return {"answered": call(**parameters)}
    except client.exceptions.InvalidRequestException as error:
        return error.response["Error"]


def found(filter_expression):
    """The summaries that a filter expression finds, over all pages."""
    pages = client.get_paginator("get_trace_summaries").paginate(**between, FilterExpression=filter_expression)
    return [summary for page in pages for summary in page["TraceSummaries"]]


put = []
for n in range(0, len(asked["put"]), 50):
    documents = [json.dumps(document) for document in asked["put"][n:n + 50]]
    put += client.put_trace_segments(TraceSegmentDocuments=documents)["UnprocessedTraceSegments"]
first = client.get_trace_summaries(**between)
pages = list(client.get_paginator("get_trace_summaries").paginate(**between))
answers = {
    "put": put,
    "found": {text: found(text) for text in asked["filters"]},
    "first": first,
    "pages": [[summary["Id"] for summary in page["TraceSummaries"]] for page in pages],
    "by_event": [summary["Id"] for summary in client.get_trace_summaries(**between, TimeRangeType="Event")["TraceSummaries"]],
    "traces": client.get_paginator("batch_get_traces").paginate(TraceIds=asked["ids"]).build_full_result(),
    "service_graph": client.get_paginator("get_service_graph").paginate(**between).build_full_result()["Services"],
    "trace_graph": client.get_paginator("get_trace_graph").paginate(TraceIds=asked["ids"]).build_full_result()["Services"],
    "series": client.get_time_series_service_statistics(**between, Period=3600, EntitySelectorExpression='service("backend")'),
    "refused": {
        "filter": refused(client.get_trace_summaries, **between, FilterExpression="ok AND banana"),
        "token": refused(client.get_trace_summaries, **between, NextToken="banana"),
        "token of another": refused(client.get_trace_summaries, **between, FilterExpression="ok", NextToken=first["NextToken"]),
        "group": refused(client.get_service_graph, **between, GroupName="mine"),
        "range": refused(client.get_service_graph, StartTime=asked["end"], EndTime=asked["start"]),
        "id": refused(client.get_trace_graph, TraceIds=["banana"]),
    },
}
print(json.dumps(answers, default=lambda moment: moment.timestamp()))
