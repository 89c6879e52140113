-- Where to look first: each location's events of the last 24 hours and what they add up to.
WITH once AS (
  SELECT *
  FROM `${project}.${dataset}.realtime_features`
  WHERE event_timestamp >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 24 HOUR)
  ${each_event_once}
),
last_day AS (
  SELECT
    location_id,
    COUNT(*) AS total_events_24h,
    AVG(real_time_risk_score) AS avg_risk_score_24h,
    MAX(real_time_risk_score) AS max_risk_score_24h,
    COUNT(DISTINCT event_type) AS event_type_diversity,
    COUNTIF(alert_severity = 'high') AS high_alerts_24h,
    COUNTIF(safeguarding_concern) AS safeguarding_events_24h,
    COUNTIF(enforcement_action_taken) AS enforcement_events_24h,
    MAX(event_timestamp) AS latest_event_time
  FROM once
  GROUP BY location_id
)
SELECT
  *,
  CASE
    WHEN avg_risk_score_24h >= 8 OR safeguarding_events_24h > 0 THEN 'CRITICAL'
    WHEN avg_risk_score_24h >= 5 OR high_alerts_24h > 2 THEN 'HIGH'
    WHEN avg_risk_score_24h >= 3 THEN 'MEDIUM'
    ELSE 'LOW'
  END AS risk_category
FROM last_day
