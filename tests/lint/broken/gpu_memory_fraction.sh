docker run --gpus device=0 -p 8501:8501 \
  --mount type=bind,source=/data/models/ner,target=/models/ner \
  -e MODEL_NAME=ner -t tensorflow/serving:2.5.1-gpu \
  --gpu_memory_fraction=0.4
