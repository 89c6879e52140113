-- What the sync of the online store reads for the window features, at the time of the window's newest event:
-- so a late pane of an older window does not replace a newer window's values.
SELECT
  location_id,
  COALESCE(latest_event_timestamp, window_start) AS feature_timestamp,
  ${columns}
FROM `${project}.${dataset}.realtime_features_aggregated_latest`
WHERE window_start >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${lookback_days} DAY)
