docker run -p 8501:8501 \
  --mount type=bind,source=model_dir/export,target=/models/objects \
  -e MODEL_NAME=objects -t tensorflow/serving:2.3.0
