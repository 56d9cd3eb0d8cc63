DROP TABLE seals;
DROP TABLE blocks;
