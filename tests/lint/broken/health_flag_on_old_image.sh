docker run -p 8500:8500 -v /m:/models -e MODEL_NAME=x tensorflow/serving:2.11.0 \
    --enable_grpc_healthcheck_service=true
