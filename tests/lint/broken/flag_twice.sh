docker run -p 8501:8501 -v /m:/models tensorflow/serving:2.13.0 --model_name=a --model_base_path=/models/a \
    --rest_api_timeout_in_ms=1000 --rest_api_timeout_in_ms=90000
