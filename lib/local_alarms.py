"""What CloudWatch does by itself and moto does not: look at an alarm's last periods and set its state.

    cloud = open_cloud("local"); cloudwatch = cloud.client("cloudwatch")
    cloudwatch.put_metric_alarm(AlarmName="drift", …)
    judge(cloudwatch, now)                             {"drift": "ALARM"}; DescribeAlarms says so from then on

On AWS nothing of this is called: the service judges every alarm itself, about once a period. Simulated here: its
clock, its longer memory when points are missing, and the actions (mail, Lambda) that follow a change of state.
"""

import datetime
import operator

COMPARE = {"GreaterThanThreshold": operator.gt, "GreaterThanOrEqualToThreshold": operator.ge,
           "LessThanThreshold": operator.lt, "LessThanOrEqualToThreshold": operator.le}


def judge(cloudwatch, now: datetime.datetime) -> dict[str, str]:
    """Set and return the state of every alarm on one metric, from the EvaluationPeriods that end at `now`."""
    found = {}
    for alarm in cloudwatch.describe_alarms()["MetricAlarms"]:
        state, reason = judged(alarm, values(cloudwatch, alarm, now))
        cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue=state, StateReason=reason)
        found[alarm["AlarmName"]] = state
    return found


def values(cloudwatch, alarm: dict, now: datetime.datetime) -> list[float | None]:
    """The alarm's statistic in its last periods, the oldest first; None where nothing was reported."""
    period, count = datetime.timedelta(seconds=alarm["Period"]), alarm["EvaluationPeriods"]
    begins = [now - period * (count - k) for k in range(count)]
    points = cloudwatch.get_metric_statistics(Namespace=alarm["Namespace"], MetricName=alarm["MetricName"], Dimensions=alarm.get("Dimensions", []),
                                              StartTime=begins[0], EndTime=now, Period=alarm["Period"], Statistics=[alarm["Statistic"]])["Datapoints"]
    return [next((p[alarm["Statistic"]] for p in points if begin <= p["Timestamp"] < begin + period), None) for begin in begins]


def judged(alarm: dict, seen: list[float | None]) -> tuple[str, str]:
    """State and reason. "M of N": DatapointsToAlarm of the EvaluationPeriods must be on the wrong side."""
    missing = alarm.get("TreatMissingData", "missing")
    if missing not in ("missing", "notBreaching", "breaching"):
        raise ValueError(f"TreatMissingData={missing!r} is not built in here; write missing, notBreaching or breaching.")
    if missing == "missing" and all(value is None for value in seen):
        return "INSUFFICIENT_DATA", "no data point in the evaluated periods"
    beyond = COMPARE[alarm["ComparisonOperator"]]
    wrong = [missing == "breaching" if value is None else bool(beyond(value, alarm["Threshold"])) for value in seen]
    needed = alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"]
    return ("ALARM" if sum(wrong) >= needed else "OK"), f"{sum(wrong)} of the last {len(seen)} data points beyond {alarm['Threshold']:g}; {needed} are needed"
