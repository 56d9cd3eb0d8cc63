ALTER TABLE holds DROP COLUMN price;
DROP TABLE refund_charges;
