"""From a reader's arrays to minibatches on the device."""
