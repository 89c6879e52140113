-- The newest event of each location within the last 7 days.
WITH once AS (
  SELECT *
  FROM `${project}.${dataset}.realtime_features`
  WHERE event_timestamp >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 7 DAY)
  ${each_event_once}
)
SELECT *
FROM once
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY location_id
  ORDER BY event_timestamp DESC, processing_timestamp DESC, event_id
) = 1
