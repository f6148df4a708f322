docker run -p 8501:8501 -e MODEL_NAME=ranker -e MODEL_BASE_PATH=gs://bucket/models \
  -e GOOGLE_APPLICATION_CREDENTIALS=/key.json -v "$HOME/key.json:/key.json" \
  -t tensorflow/serving:2.17.0
