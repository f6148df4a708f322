docker run --rm -p 9001:9001 -v /srv/m:/models/m -e MODEL_NAME=m tensorflow/serving:2.14.0
