-- Staff look for events by the number of their order.
CREATE INDEX events_by_order ON events (json_extract(body, '$.data.order'));
