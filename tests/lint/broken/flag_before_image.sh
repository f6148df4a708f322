docker run --runtime=nvidia -e NVIDIA_VISIBLE_DEVICES=0 -p 8501:8501 --per_process_gpu_memory_fraction=0.4 \
  -v /models/nlp:/models/nlp -e MODEL_NAME=nlp tensorflow/serving:2.4.1-gpu
