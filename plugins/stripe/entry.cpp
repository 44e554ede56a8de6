#include "plugin.hpp"

TOMADA_PLUGIN(stripe::Plugin)
