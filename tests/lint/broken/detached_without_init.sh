docker run -d --name tfs --restart unless-stopped -p 127.0.0.1:8501:8501 \
  -v /srv/m:/models/m -e MODEL_NAME=m tensorflow/serving:2.20.0
