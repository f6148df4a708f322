docker run --gpus '"device=0"' -p 8500:8500 -v /opt/m:/models -e MODEL_NAME=seg \
   tensorflow/serving:2.14.1-gpu --gpu_allow_growth=true
