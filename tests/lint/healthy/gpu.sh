docker pull tensorflow/serving:2.16.1-gpu
docker run --gpus device=0 -p 8501:8501 \
  --mount type=bind,source=/tmp/tfserving/half_plus_two_gpu,target=/models/half_plus_two \
  -e MODEL_NAME=half_plus_two -t tensorflow/serving:2.16.1-gpu \
  --per_process_gpu_memory_fraction=0.4
