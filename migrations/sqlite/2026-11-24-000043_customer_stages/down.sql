DROP TABLE follow_ups;
DROP TABLE customer_stage_moves;
DROP TABLE customer_stages;
