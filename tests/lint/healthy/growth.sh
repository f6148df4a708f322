docker run -d --init --gpus '"device=1"' -e TF_FORCE_GPU_ALLOW_GROWTH=true \
  -p 127.0.0.1:8500:8500 -v /srv/models:/models -e MODEL_NAME=asr \
  --restart unless-stopped tensorflow/serving:2.18.1-gpu
