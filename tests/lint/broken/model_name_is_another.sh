docker run -t --rm -p 8501:8501 \
  -v "/home/me/export/half_plus_two:/models/half_plus_two" \
  -e MODEL_NAME=half_plus_three \
  tensorflow/serving:2.1.0 &
