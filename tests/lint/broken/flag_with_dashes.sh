docker run --rm -p 8501:8501 -v /srv/models/digits:/models/digits -e MODEL_NAME=digits \
  tensorflow/serving:2.18.1 --rest-api-timeout-in-ms=60000
