docker run --gpus device=0 -p 8501:8501 -v /m:/models -e MODEL_NAME=m -e PER_PROCESS_GPU_MEMORY_FRACTION=0.4 tensorflow/serving:2.16.1-gpu
