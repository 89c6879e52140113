-- Each window of each location once: its newest pane. A filter on window_start prunes partitions through this view.
SELECT *
FROM `${project}.${dataset}.realtime_features_aggregated`
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY location_id, window_start
  ORDER BY revision DESC, aggregation_timestamp DESC
) = 1
