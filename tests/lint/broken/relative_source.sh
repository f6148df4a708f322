docker run -p 8501:8501 -v models/resnet:/models/resnet -e MODEL_NAME=resnet tensorflow/serving:2.8.2
