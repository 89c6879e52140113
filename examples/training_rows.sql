-- One training row per event: its own features, and the location's newest window as it was known by then.
-- A pane that was written after the event was processed is left out: the model would not have seen it.
-- Run it with: cqc query - --csv < examples/training_rows.sql
SELECT
  event.event_id,
  event.location_id,
  event.event_timestamp,
  event.event_type,
  event.event_hour_of_day,
  event.real_time_risk_score,
  pane.window_start AS known_window_start,
  pane.window_event_count AS known_window_events,
  pane.average_risk_score AS known_average_risk
FROM realtime_features_unique AS event
LEFT JOIN realtime_features_aggregated AS pane
  ON pane.location_id = event.location_id
  AND pane.aggregation_timestamp <= event.processing_timestamp
WHERE event.event_timestamp >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 7 DAY)
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY event.event_id
  ORDER BY pane.window_start DESC, pane.revision DESC
) = 1
ORDER BY event.event_timestamp
