-- What the sync of the online store reads for one group of features: each event that owns these columns,
-- at its own time. Duplicate rows do no harm: their values and times are the same.
SELECT
  location_id,
  event_timestamp AS feature_timestamp,
  ${columns}
FROM `${project}.${dataset}.realtime_features`
WHERE event_timestamp >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${lookback_days} DAY)
  AND ${owns_columns}
