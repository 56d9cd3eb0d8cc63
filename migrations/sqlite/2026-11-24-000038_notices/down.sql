DROP TABLE notice_opt_outs;
DROP TABLE notices;
