-- What happened in each hour (UTC) of the last 30 days, per event type.
WITH once AS (
  SELECT *
  FROM `${project}.${dataset}.realtime_features`
  WHERE event_timestamp >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 30 DAY)
  ${each_event_once}
)
SELECT
  TIMESTAMP_TRUNC(event_timestamp, HOUR) AS hour,
  event_type,
  feature_category,
  COUNT(*) AS event_count,
  AVG(real_time_risk_score) AS avg_risk_score,
  AVG(event_complexity_score) AS avg_complexity_score,
  COUNT(DISTINCT location_id) AS unique_locations,
  COUNTIF(alert_severity = 'high') AS high_severity_alerts,
  COUNTIF(safeguarding_concern) AS safeguarding_concerns,
  COUNTIF(enforcement_action_taken) AS enforcement_actions
FROM once
GROUP BY hour, event_type, feature_category
