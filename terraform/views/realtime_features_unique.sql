-- Each event once: the table is written at least once. A row that says late comes first: an event gets one only
-- when no window counts it, and what was written before that did not count either. Then the first published,
-- which is the one that its window counts, then the first processed.
SELECT *
FROM `${project}.${dataset}.realtime_features`
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY event_id
  ORDER BY COALESCE(is_late, FALSE) DESC, COALESCE(publish_timestamp, processing_timestamp), processing_timestamp
) = 1
