tensorflow_model_server --rest_api_port=8501 --model_name=m --model_base_path=/m \
  --tensorflow_session_parallelism=4 \
  --tensorflow_intra_op_parallelism=4 --tensorflow_inter_op_parallelism=2
