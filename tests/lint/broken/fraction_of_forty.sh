docker run --gpus device=0 -p 8501:8501 -v /srv/models:/models -e MODEL_NAME=m \
  tensorflow/serving:2.7.1-gpu --per_process_gpu_memory_fraction=40
