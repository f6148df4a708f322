tensorflow_model_server --port=8500 --model_name=m --model_base_path=/models/m --monitoring_config_file=/etc/tfs/monitoring.config
