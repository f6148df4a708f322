docker run -p 8501:8501 -v $PWD/models/m:/models/m -e MODEL_NAME=m tensorflow/serving:2.12.2 --enable_batching=yes
