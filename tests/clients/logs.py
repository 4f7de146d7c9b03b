"""WatchTower and boto3 on CloudWatch Logs. Standard output has what they were answered.

  python logs.py http://127.0.0.1:3000
"""
import json
import logging
import os
import sys
import time

endpoint = sys.argv[1]
os.environ.update(AWS_ENDPOINT_URL_CLOUDWATCH_LOGS=endpoint, AWS_ENDPOINT_URL_STS=endpoint, AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_DEFAULT_REGION="eu-west-1",
                  AWS_SECRET_ACCESS_KEY="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", AWS_EC2_METADATA_DISABLED="true")

import boto3
import watchtower

warnings = []
logging.captureWarnings(True)
noted = logging.Handler()
noted.emit = lambda record: warnings.append(record.getMessage())
logging.getLogger("py.warnings").addHandler(noted)

logger = logging.getLogger("shop")
logger.setLevel(logging.INFO)
handler = watchtower.CloudWatchLogHandler(log_group_name="shop", log_stream_name="web/1", log_group_retention_days=14,
                                          log_group_tags={"team": "cart"}, send_interval=1)
logger.addHandler(handler)
for n in range(25):
    logger.info("line %d of twenty-five %s", n, "ERROR" if n % 5 == 0 else "fine")
logger.warning({"event": "checkout", "status": 500, "user": {"id": 7}})
handler.close()
# As Gunicorn's users are told to: a request for each line.
single = watchtower.CloudWatchLogHandler(log_group_name="shop", log_stream_name="web/2", use_queues=False)
logger.handlers = [single]
for n in range(3):
    logger.info("alone %d", n)
single.close()

logs = boto3.client("logs")


def messages(**parameters):
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="shop", PaginationConfig={"PageSize": 7}, **parameters)
    return [event["message"] for page in pages for event in page["events"]]


def refused(call, **parameters):
    try:
        return {"answered": call(**parameters)}
    except logs.exceptions.ClientError as error:
        return error.response["Error"]


group = logs.describe_log_groups(logGroupNamePrefix="shop")["logGroups"][0]
stream = dict(logGroupName="shop", logStreamName="web/1")
head = logs.get_log_events(**stream, startFromHead=True, limit=20)
more = logs.get_log_events(**stream, startFromHead=True, limit=20, nextToken=head["nextForwardToken"])
now = int(time.time())
query = dict(logGroupName="shop", startTime=now - 600, endTime=now + 60, queryString="fields @timestamp, @message | filter @message like /ERROR/ | sort @timestamp desc | limit 3")
started = refused(logs.start_query, **query)
results = None
if "answered" in started:
    while results is None or results["status"] in ("Scheduled", "Running"):
        results = logs.get_query_results(queryId=started["answered"]["queryId"])
# What `aws logs tail` of version 2 asks, and the members it needs.
tail = logs.filter_log_events(logGroupName="shop", interleaved=True, startTime=(now - 600) * 1000, filterPattern="alone")["events"]
assert all({"eventId", "timestamp", "ingestionTime", "logStreamName", "message"} == event.keys() for event in tail)
answers = {
    "tail": [event["message"] for event in tail],
    "warnings": warnings,
    "account": boto3.client("sts").get_caller_identity()["Account"],
    "group": group,
    "streams": [stream["logStreamName"] for stream in logs.describe_log_streams(logGroupName="shop")["logStreams"]],
    "tags": logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"],
    "all": messages(),
    "errors": messages(filterPattern="ERROR"),
    "json": messages(filterPattern="{ $.status = 500 && $.user.id = 7 }"),
    "alone": messages(logStreamNames=["web/2"]),
    "head": [event["message"] for event in head["events"]],
    "more": [event["message"] for event in more["events"]],
    "started": started,
    "results": results,
    "missing": refused(logs.get_log_events, logGroupName="shop", logStreamName="none"),
    "syntax": refused(logs.filter_log_events, logGroupName="shop", filterPattern="{ $.a = }"),
    "unserved": refused(logs.describe_destinations),
}
logs.create_log_group(logGroupName="gone")
logs.delete_log_group(logGroupName="gone")
answers["gone"] = refused(logs.describe_log_streams, logGroupName="gone")
json.dump(answers, sys.stdout, default=str)
