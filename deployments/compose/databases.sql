-- Run once, when the volume of the database is new; the database prefect is made by the image.
create database mlflow;
