QUALIFY ROW_NUMBER() OVER (
  PARTITION BY event_id
  ORDER BY COALESCE(is_late, FALSE) DESC, COALESCE(publish_timestamp, processing_timestamp), processing_timestamp
) = 1
