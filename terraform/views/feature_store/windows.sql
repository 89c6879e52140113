-- What the sync of the online store reads for the window features, at the time of the window's newest event:
-- so a late pane of an older window does not replace a newer window's values. A microsecond a revision on top
-- is what the flush adds, so that of two panes with the same newest event the later one stays.
SELECT
  location_id,
  TIMESTAMP_ADD(COALESCE(latest_event_timestamp, window_start), INTERVAL revision MICROSECOND) AS feature_timestamp,
  ${columns}
FROM `${project}.${dataset}.realtime_features_aggregated_latest`
WHERE window_start >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${lookback_days} DAY)
