-- Each failure once: the table is written at least once. Failures without an identity are all kept.
SELECT *
FROM `${project}.${dataset}.streaming_errors`
WHERE TRUE
QUALIFY event_id IS NULL OR ROW_NUMBER() OVER (
  PARTITION BY event_id, stage, error_type
  ORDER BY error_timestamp DESC
) = 1
