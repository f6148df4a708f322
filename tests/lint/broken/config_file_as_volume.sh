docker run -p 8501:8501 -v /srv/models:/models -v models.config:/etc/models.config \
  tensorflow/serving:2.6.1 --model_config_file=/etc/models.config
