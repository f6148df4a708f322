tensorflow_model_server --port=8500 --rest_api_port=8501--model_name=model --model_base_path=/models/model
