-- Each event once: the table is written at least once. A row counted in its window comes before one that
-- came too late for it (a redelivery after the window was settled), then the first processed.
SELECT *
FROM `${project}.${dataset}.realtime_features`
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY event_id
  ORDER BY COALESCE(is_late, FALSE), processing_timestamp
) = 1
