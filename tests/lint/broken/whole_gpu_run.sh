docker run --gpus device=1 -p 8501:8501 \
  --mount type=bind,source=/tmp/half_plus_two_gpu,target=/models/half_plus_two \
  -e MODEL_NAME=half_plus_two -t tensorflow/serving:2.6.0-gpu
