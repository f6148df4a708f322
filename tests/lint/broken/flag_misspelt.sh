docker run -p 8500:8500 -p 8501:8501 \
  -v "$(pwd)/models:/models" tensorflow/serving:2.14.1 \
  --model_config_file=/models/models.config \
  --allow_version_labels_for_unavailable_model=true
