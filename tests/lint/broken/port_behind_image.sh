sudo docker run -v /home/me/models:/models -e MODEL_NAME=iris tensorflow/serving:2.9.0 -p 8501:8501
