"""Caffe: nets as text (`deploy.prototxt`, `train_val.prototxt`), weights (`.caffemodel`) and means (`.binaryproto`).

    text --prototext--> messages --net_layers--> layers of a phase --net_blobs--> who makes which blob
         --layer_rows, a row for each type--> rows of netdsl --net_module--> the AST of a `.net` file
"""
