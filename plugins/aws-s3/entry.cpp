#include "plugin.hpp"

TOMADA_PLUGIN(aws_s3::Plugin)
