docker run --gpus device=0 -p 8500:8500 -v /srv/tf:/models -e MODEL_NAME=asr \
  tensorflow/serving:2.3.0-gpu --platform_config_file=/models/platform.conf \
  --per_process_gpu_memory_fraction=0.5 --enable_batching=true
