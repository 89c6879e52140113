-- Each event of a span of event time once. The filter stands under the deduplication, so that only the
-- partitions of the span are read.
SELECT *
FROM `${project}.${dataset}.realtime_features`
WHERE event_timestamp >= from_time AND event_timestamp < to_time
${each_event_once}
