tensorflow_model_server --port=8500 --model_name=m --model_base_path=/models/m --file_system_poll_wait_seconds=-1
