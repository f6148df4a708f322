tensorflow_model_server --port=8501 --rest_api_port=8501 --model_name=m --model_base_path=/models/m
