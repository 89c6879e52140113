-- Each event once: the table is written at least once. A row that says late comes first: an event gets one only
-- when no window counts it, and what was written before that did not count either. Then the first published,
-- which is the one that its window counts, then the first processed.
-- It reads the whole table whatever stands above it: for a span of time use realtime_features_between.
SELECT *
FROM `${project}.${dataset}.realtime_features`
WHERE TRUE
${each_event_once}
