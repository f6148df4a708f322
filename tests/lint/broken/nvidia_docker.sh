nvidia-docker run -it --rm -p 8500:8500 -p 8501:8501 \
  --mount type=bind,source=/home/ec2-user/models/enko/,target=/models/enko \
  -e MODEL_NAME=enko -e NVIDIA_VISIBLE_DEVICES=2 -t tensorflow/serving:2.1.0-gpu
