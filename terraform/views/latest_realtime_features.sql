-- The newest event of each location within the last 7 days.
SELECT *
FROM `${project}.${dataset}.realtime_features_unique`
WHERE event_timestamp >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 7 DAY)
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY location_id
  ORDER BY event_timestamp DESC, processing_timestamp DESC, event_id
) = 1
